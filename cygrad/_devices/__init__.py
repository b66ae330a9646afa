"""What a device offers to the operators, each device a module: the list of primitives, and devices without memory.

May use the core.
Must not know operators: a primitive gets tensors that are checked and allocated, and fills them.
"""
