"""Classifiers of images: small ones trained here, one for ImageNet, strangers' in the sandbox."""
