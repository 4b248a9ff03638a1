"""How a confined network and its parent talk: the heads of what goes over the pipes."""

import struct

SIZE = struct.Struct("<Q")
"""Bytes that follow: of the network, of its signature."""

SHAPE = struct.Struct("<4I")
"""Images, channels, height, width: the images follow, in the signature's dtype."""

WIDTHS = struct.Struct("<2I")
"""Numbers an image, of features and of logits (0: none): both follow, float32."""
