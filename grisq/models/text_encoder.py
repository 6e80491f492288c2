"""Text encoder (Sec. 3.1): expression tokens -> f^T, by BERT."""

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from grisq.config import TextConfig


class TextEncoder(nn.Module):
    """f^T = BERT(tokens): one vector per token, in context (Devlin et al. 2019).

    It starts with random weights; `grisq.models.pretrained` loads those of a BERT into it.
    Shapes: tokens (B, T) long, token_mask (B, T) bool (False on padding) -> (B, T, hidden).
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        self.bert = BertModel(
            BertConfig(
                vocab_size=config.vocabulary,
                hidden_size=config.hidden,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                intermediate_size=config.intermediate,
                hidden_dropout_prob=config.dropout,
                attention_probs_dropout_prob=config.dropout,
                max_position_embeddings=512,
            ),
            add_pooling_layer=False,  # nothing reads a pooled [CLS]: the target query attends to all words
        )

    def forward(self, tokens: Tensor, token_mask: Tensor) -> Tensor:
        # transformers uses a mask of four dimensions unchanged and reads no values: meta tensors and export work.
        return self.bert(input_ids=tokens, attention_mask=token_mask[:, None, None, :]).last_hidden_state
