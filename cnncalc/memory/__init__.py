"""What a training step and an inference hold in memory, tensor by tensor."""
