"""Fine-tuning by the model card's recipe on any labelled clips."""
