"""Training of the zoo's models, on worlds or on files of tokenised clips."""
