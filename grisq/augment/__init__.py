"""Data augmentation for generalized RIS (Sec. 3.3) as a plan: what goes into each slot of a global batch.

`recipes` are the words, `no_target` and `multi_target` the two decisions, `plan` puts them together without
touching a pixel, `sampler` hands each process its slots, `render` draws them.
"""
