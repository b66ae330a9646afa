"""What `torch.save` and `torch.load` do unless they are told otherwise; assign to change it.

load: mmap, endianness (a LoadEndianness or None), mmap_flags. save: compute_crc32, storage_alignment (bytes).
"""

from ...serialization import load_options as load, save_options as save

__all__ = ["load", "save"]
