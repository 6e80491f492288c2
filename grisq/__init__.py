"""grisq: generalized referring image segmentation with a target query.

Reference implementation of "Improving Target Presence and Plurality Recognition for Generalized Referring
Image Segmentation" (Kim, Lee, Kwak), written to be read in the order of the notebooks.
"""

__version__ = "0.1.0"
