"""Data augmentation for generalized RIS (Sec. 3.3) as a plan: what goes into each slot of a global batch.

`recipes` name what a slot holds, `no_target` and `multi_target` are the two decisions, `plan` combines them without
touching a pixel, `sampler` hands each process its slots, `render` draws them.
"""
