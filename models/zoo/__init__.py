"""Small trained models (safetensors, with cards) and the registration of every video model, one file each."""
