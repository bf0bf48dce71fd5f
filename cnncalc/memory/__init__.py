"""The memory of a training step and of an inference, tensor by tensor."""
