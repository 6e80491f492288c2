"""Systems of Table 1 that ours is compared with, on the same encoders and under the same loop: one a file."""
