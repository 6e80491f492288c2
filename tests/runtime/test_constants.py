import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from grisq.runtime.constants import constant, once_per_device

CPU, META = torch.device("cpu"), torch.device("meta")


def test_a_constant_is_made_once_for_each_device_and_type():
    made = constant((0.25, 4.0), device=CPU)
    assert made.tolist() == [0.25, 4.0]
    assert constant((0.25, 4.0), device=CPU) is made
    assert constant((0.25, 4.0), torch.float64, device=CPU).dtype == torch.float64
    assert constant((0.25, 4.0), device=META).device == META
    assert constant((0.25, 4.0), device=CPU) is made


def test_one_that_was_made_in_inference_mode_can_be_trained_with():
    with torch.inference_mode():
        factor = constant((2.5, 3.5), device=CPU)
    x = torch.ones(2, requires_grad=True)
    (x * factor).sum().backward()
    assert x.grad.tolist() == [2.5, 3.5]


def test_nothing_is_kept_of_a_run_on_stand_ins():
    calls = []

    @once_per_device
    def ramp(length):
        calls.append(length)
        return torch.arange(length)

    with FakeTensorMode():
        assert isinstance(ramp(3, device=CPU), FakeTensor)
    assert type(ramp(3, device=CPU)) is torch.Tensor
    ramp(3, device=CPU)
    assert calls == [3, 3]


def test_an_exported_program_carries_its_constants():
    class Scale(torch.nn.Module):
        def forward(self, x):
            return x * constant((1.5, 2.0, 2.5), device=x.device)

    x = torch.ones(4, 3)
    program = torch.export.export(Scale(), (x,))
    torch.testing.assert_close(program.module()(x), Scale()(x))
    assert type(constant((1.5, 2.0, 2.5), device=CPU)) is torch.Tensor
