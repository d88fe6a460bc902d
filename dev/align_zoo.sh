#!/usr/bin/env bash
# VideoDPO on the zoo's text-to-video models, whole: preferences, aligned weights of three methods and three seeds, the
# ablation's weights, the recorded runs. About two hours on two quiet cores; what is there already is not made again.
#
#   dev/align_zoo.sh [FOLDER] [STAGE...]    stages: collect train ablation (default: all three); then run the suites
#
# The settings of `train` were chosen on validation prompts (dev/LOG.md has every try).
set -euo pipefail
out="${1:-training/alignment}"
stages="${*:2}"
stages="${stages:-collect train ablation}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
cache="${DIPTYCH_CACHE:-$HOME/.cache/diptych}/alignment"
how=(--rank 4 --set batch=8 --set stored=bfloat16)
declare -A beta=([epsilon]=5000 [flow]=1500) rate=([epsilon]=3e-4 [flow]=1e-3)

# align WHERE DATA METHOD [OPTION...]
align() {
    [ -e "$1/aligned.safetensors" ] || diptych align train --data "$2" --method "$3" --out "$1" "${how[@]}" "${@:4}"
}

for stage in $stages; do
    case "$stage" in
    collect)
        for kind in epsilon flow; do
            diptych align collect --model "text-to-video-crafter-$kind" --prompts 192 --videos 4 --batch 32 --seed 0 \
                --out "$out/preferences_$kind" --resume
        done
        ;;
    train)
        for kind in ${KINDS:-epsilon flow}; do
            for method in sft dpo videodpo; do
                for seed in 0 1 2; do
                    align "$cache/text-to-video-crafter-$kind/$method-s$seed" "$out/preferences_$kind" "$method" \
                        --seed "$seed" --beta "${beta[$kind]}" --learning-rate "${rate[$kind]}" --steps 200
                done
            done
        done
        ;;
    ablation)
        pairs() { diptych align pairs "$out/preferences_epsilon" "$@"; }
        pairs --out alpha-0.5 --alpha 0.5
        pairs --out alpha-2 --alpha 2
        pairs --out alpha-0.5-mean --alpha 0.5 --normalisation mean
        pairs --out alpha-1-mean --alpha 1 --normalisation mean
        pairs --out alpha-2-mean --alpha 2 --normalisation mean
        pairs --out alpha-1-clip --alpha 1 --normalisation clip
        pairs --out videos-2 --videos 2
        pairs --out best-random --strategy best-random
        pairs --out adjacent --strategy adjacent
        pairs --out filtered --percentile 50
        pairs --out data-25 --fraction 0.25
        pairs --out data-50 --fraction 0.5
        pairs --out score-quality --score quality
        pairs --out score-semantics --score semantics
        # made ARM DATA METHOD [OPTION...]; one training seed each
        made() {
            align "$cache/text-to-video-crafter-epsilon/$1" "$2" "$3" --seed 0 --beta "${beta[epsilon]}" \
                --learning-rate "${rate[epsilon]}" --steps 200 "${@:4}"
        }
        data="$out/preferences_epsilon"
        made videodpo "$data" videodpo
        made alpha-0 "$data" dpo
        for arm in alpha-0.5 alpha-2 alpha-0.5-mean alpha-1-mean alpha-2-mean alpha-1-clip videos-2 best-random adjacent \
            filtered data-25 data-50 score-quality score-semantics; do
            made "$arm" "$data/$arm.json" videodpo
        done
        made beta-x0.1 "$data" videodpo --beta 500
        made beta-x10 "$data" videodpo --beta 50000
        made unshared-noise "$data" videodpo --set shared_noise=false --set shared_timestep=false
        made per-column "$data" videodpo --set reduction=per-column
        ;;
    *)
        echo "no stage $stage: collect, train, ablation" >&2
        exit 2
        ;;
    esac
done
