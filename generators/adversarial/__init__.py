"""Images that fool a classifier: attacks, and defences against them."""
