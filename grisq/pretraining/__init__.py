"""Small encoders that have seen drawings before they see an expression, as ImageNet and BERT are to the paper."""
