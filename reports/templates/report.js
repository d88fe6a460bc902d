// Plays the clips of a row in step and lets the reader choose the two arms. The page can be read without it.
(() => {
  "use strict";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  for (const group of document.querySelectorAll(".diptychs")) {
    const rows = [...group.querySelectorAll(".row")].map((element) => new Row(element));
    const button = group.querySelector(".play");
    const left = group.querySelector(".pick-left");
    const right = group.querySelector(".pick-right");
    let playing = false;
    const seen = new Set();
    const update = () => {
      button.textContent = playing ? "Pause" : "Play";
      for (const row of rows) row.run(playing && seen.has(row.element));
    };
    button.addEventListener("click", () => { playing = !playing; update(); });
    const choose = (changed, other) => {
      if (left.value === right.value) other.value = changed.dataset.last;
      for (const select of [left, right]) select.dataset.last = select.value;
      for (const row of rows) row.open(left.value, right.value);
      update();
    };
    for (const select of [left, right]) select.dataset.last = select.value;
    left.addEventListener("change", () => choose(left, right));
    right.addEventListener("change", () => choose(right, left));
    for (const row of rows) row.onScrub = () => { playing = false; update(); };
    group.querySelector(".controls").hidden = false;
    new IntersectionObserver((entries) => {
      for (const e of entries) e.isIntersecting ? seen.add(e.target) : seen.delete(e.target);
      if (!calm.matches && !group.dataset.begun && seen.size) { group.dataset.begun = "1"; playing = true; }
      update();
    }, { threshold: 0.25 }).observe(rows[0].element);
    const watch = new IntersectionObserver((entries) => {
      for (const e of entries) e.isIntersecting ? seen.add(e.target) : seen.delete(e.target);
      update();
    }, { threshold: 0.1 });
    for (const row of rows.slice(1)) watch.observe(row.element);
  }

  function Row(element) {
    const frames = Number(element.dataset.frames);
    const prompt = Number(element.dataset.prompt);
    const slider = element.querySelector(".scrub");
    const label = element.querySelector(".at");
    const leaves = element.querySelector(".leaves");
    const beside = element.querySelector(".beside");
    const others = element.querySelector(".more");
    const videos = [...element.querySelectorAll("video")];
    const HOLD = 4; // ticks that the last frame stays
    let timer = 0;
    let rest = HOLD;
    this.element = element;
    for (const video of videos) { video.controls = false; video.loop = false; }
    slider.hidden = false;

    // One clock for all panels: the frame index. Each step shows the same frame everywhere, so nothing can drift.
    const show = (frame) => {
      slider.value = String(frame);
      label.textContent = frame < prompt ? `prompt frame ${frame + 1} of ${prompt}` : `frame ${frame - prompt + 1} of ${frames - prompt}`;
      for (const video of videos) {
        if (video.closest("details:not([open])")) continue;
        const place = () => { video.currentTime = ((frame + 0.5) * video.duration) / frames; };
        if (video.readyState >= 1) place(); else video.addEventListener("loadedmetadata", place, { once: true });
      }
    };
    const more = element.querySelector("details");
    if (more) more.addEventListener("toggle", () => show(Number(slider.value)));
    slider.addEventListener("input", () => { this.onScrub(); show(Number(slider.value)); });
    this.run = (on) => {
      if (on && !timer) timer = setInterval(() => {
        const next = Number(slider.value) + 1;
        if (next < frames) show(next); else if (rest-- <= 0) { rest = HOLD; show(0); }
      }, 200);
      if (!on && timer) { clearInterval(timer); timer = 0; }
    };
    const panels = new Map();
    for (const p of element.querySelectorAll(".panel")) if (p.dataset.arm) panels.set(p.dataset.arm, p);
    const home = new Map([...panels].map(([arm, p]) => [arm, p.parentElement]));
    this.open = (left, right) => {
      const hinge = leaves.querySelector(".hinge");
      for (const [arm, p] of panels) {
        if (arm === left || arm === right) continue;
        (home.get(arm) === beside ? beside : others || beside).append(p);
      }
      if (panels.has(left)) leaves.insertBefore(panels.get(left), hinge);
      if (panels.has(right)) leaves.append(panels.get(right));
    };
    show(frames > prompt ? prompt : 0);
  }
})();
