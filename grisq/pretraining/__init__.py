"""Pretrains two small encoders on synthetic drawings.

They play the part of the paper's Swin, pretrained on ImageNet-22k, and of its BERT (Sec. 4.2).
"""
