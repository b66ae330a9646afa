"""The little of PyTorch's own test tools that programs use."""
