#!/usr/bin/env bash
# Trains everything in models/zoo from scratch, as the model cards say. Hours on two CPU cores; a run that was stopped goes
# on with --resume. Copies nothing into the zoo: compare first. Files of more than 2 MB go there packed: copy FILE to its name
# in models/zoo, `python -m models.zoo.pack models/zoo/FILE`, take FILE out again, and give it its row in models/assets/zoo.py.
#
#   dev/train_zoo.sh [FOLDER]      (default ./training, which git ignores)
set -euo pipefail
out="${1:-training}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # each of the presets' two workers is one thread

diptych train tokenizer --out "$out/tokenizer" --preset cpu --seed 0
tokenizer="$out/tokenizer/tokenizer.safetensors"

diptych train video-transformer --out "$out/video-9x9" --world crafter-9x9 --tokenizer "$tokenizer" --preset cpu \
    --seed 0
diptych train video-transformer --out "$out/video-15x24-short" --world crafter-15x24 --tokenizer "$tokenizer" --preset cpu \
    --seed 0 --prompt-frames 2 --frames 3 --init "$out/video-9x9/video_transformer.safetensors" \
    --steps 460 --batch 4 --learning-rate 0.002 --set train_clips=960
diptych train video-transformer --out "$out/video-15x24" --world crafter-15x24 --tokenizer "$tokenizer" --preset cpu \
    --seed 1 --prompt-frames 2 --frames 5 --init "$out/video-15x24-short/video_transformer.safetensors" \
    --steps 1600 --batch 4 --learning-rate 0.002 --set train_clips=1920 --set decay_fraction=0.35

diptych train idm --out "$out/idm" --preset cpu --seed 0
python -m models.training.evaluate_idm --weights "$out/idm/idm.safetensors" --clips 64 --out "$out/idm.json"

for size in 9x9 15x24; do
    python -m models.training.evaluate "video-transformer-crafter-$size" --split test --clips 64 --out "$out"
done

diptych train tokenizer --out "$out/tokenizer-vizdoom" --world vizdoom-6x8 --shape "levels=[8,8,8,8]" \
    --shape encoder_kernel=3 --preset cpu --seed 0 --set workers=1 --batch 64 --steps 7000 --set train_clips=6000
diptych train video-transformer --out "$out/video-vizdoom" --world vizdoom-6x8 \
    --tokenizer "$out/tokenizer-vizdoom/tokenizer.safetensors" --preset cpu --seed 0 --set workers=1 --steps 2600 \
    --set train_clips=6000
diptych train idm --out "$out/idm-vizdoom" --world vizdoom-6x8 --tile-pixels 4 --reach 2 --preset cpu --batch 64 --seed 0 \
    --set train_clips=1800 --set validate_every=250
python -m models.training.evaluate video-transformer-vizdoom-6x8 --split test --clips 64 --free-running --out "$out"

# the judges see none of the scorers' clips, have another seed and other layers
for world in crafter-9x9:600 vizdoom-6x8:650; do
    name="${world%%-*}"
    diptych train video-text --out "$out/video-text-$name" --world "${world%%:*}" --preset cpu --seed 0 --steps "${world##*:}"
    diptych train video-text --out "$out/video-text-$name-judge" --world "${world%%:*}" --preset cpu --seed 1 --steps 800 \
        --video volume --text recurrent --skip 2400
    for network in "video-text-$name" "video-text-$name-judge"; do
        python -m models.video_text.evaluate --weights "$out/$network/video_text.safetensors" --world "${world%%:*}" \
            --out "$out/$network.json"
    done
done
