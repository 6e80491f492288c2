"""The recurrent text encoder against torch's bidirectional GRU on packed sequences."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from grisq.models.recurrent_text_encoder import RecurrentTextEncoder


def test_it_is_a_bidirectional_gru_whose_directions_are_added():
    encoder = RecurrentTextEncoder(30, 5, 7)
    reference = nn.GRU(5, 7, batch_first=True, bidirectional=True)
    for name, value in encoder.ahead.named_parameters():
        getattr(reference, name).data.copy_(value)
    for name, value in encoder.back.named_parameters():
        getattr(reference, f"{name}_reverse").data.copy_(value)
    tokens, lengths = torch.randint(30, (3, 6)), torch.tensor([6, 2, 4])
    mask = torch.arange(6) < lengths[:, None]
    packed = pack_padded_sequence(encoder.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    expected = expected[..., :7] + expected[..., 7:]
    torch.testing.assert_close(encoder(tokens, mask)[mask], expected[mask])
