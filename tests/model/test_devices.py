"""What TensorFlow may use, with its list of devices replaced: no test has a GPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from facegen.errors import InputError
from facegen.hardware import computes_bfloat16
from facegen.model.devices import check_precision, describe_hardware, limit_hardware
from running import facegen

DETAILS = {
    "GPU:0": {"device_name": "NVIDIA A100", "compute_capability": (8, 0)},
    "GPU:1": {},  # not NVIDIA's
}


class Tensorflow:
    """Stands for TensorFlow on a machine with some GPUs; remembers what they are limited to."""

    def __init__(self, *gpus: str):
        self.limits: dict[str, Any] = {}
        self.visible = [*gpus]
        devices = [
            SimpleNamespace(name=f"/physical_device:{name}", device_type=name[:3])
            for name in ("CPU:0", *gpus)
        ]
        self.config = SimpleNamespace(
            list_physical_devices=lambda: devices,
            get_visible_devices=lambda kind: self.visible,
            set_visible_devices=self._show,
            LogicalDeviceConfiguration=lambda memory_limit: memory_limit,
            set_logical_device_configuration=self.limits.__setitem__,
            experimental=SimpleNamespace(
                get_device_details=lambda device: DETAILS[device.name[-5:]]
            ),
        )
        self.test = SimpleNamespace(is_built_with_cuda=lambda: bool(gpus))
        self.compat = SimpleNamespace(
            v1=SimpleNamespace(GPUOptions=SimpleNamespace, ConfigProto=SimpleNamespace)
        )
        self.__version__ = "2.99"
        self.__spec__ = object()
        self._gpus = gpus
        self.unusable: set[str] = set()  # too old for TensorFlow, which lists them nevertheless

    def _show(self, devices: list[str], kind: str) -> None:
        self.visible = devices

    def list_local_devices(self, config: SimpleNamespace) -> list[SimpleNamespace]:
        """As TensorFlow's own, which starts the devices: it must not take their memory."""
        assert config.gpu_options.allow_growth
        memory = {"CPU:0": 256 << 20, "GPU:0": (40_000 << 20) + 5, "GPU:1": 8_000 << 20}
        return [
            SimpleNamespace(
                device_type=name[:3],
                memory_limit=memory[name],
                physical_device_desc=f"device: {name[4:]}, name: X" if name != "CPU:0" else "",
            )
            for name in ("CPU:0", *self._gpus)
            if name not in self.unusable
        ]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Puts a TensorFlow in the place of the real one."""

    def put(*gpus: str) -> Tensorflow:
        stand_in = Tensorflow(*gpus)
        monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
        client = SimpleNamespace(device_lib=stand_in)
        monkeypatch.setitem(sys.modules, "tensorflow.python.client", client)
        return stand_in

    return put


def test_hardware_lists_the_devices_and_what_of_their_memory_can_be_taken(machine):
    machine("GPU:0", "GPU:1")
    found = json.loads(facegen("info", "--hardware", "--json").stdout)
    assert found["devices"] == [
        {"name": "CPU:0", "kind": "CPU"},
        {
            "name": "GPU:0",
            "kind": "GPU",
            "model": "NVIDIA A100",
            "compute_capability": "8.0",
            "memory": 40_000,
        },
        {"name": "GPU:1", "kind": "GPU", "model": None, "compute_capability": None, "memory": 8000},
    ]
    assert (found["tensorflow"], found["built_with_cuda"], found["hint"]) == ("2.99", True, None)
    lines = facegen("info", "--hardware").stdout.splitlines()
    assert "devices.2.memory: 40000" in lines


def test_of_a_gpu_that_cannot_be_started_the_memory_is_not_known(machine):
    tensorflow = machine("GPU:0", "GPU:1")
    tensorflow.unusable = {"GPU:0"}  # a GTX 960, say, as the articles'
    assert [device.get("memory") for device in describe_hardware()["devices"][1:]] == [None, 8000]
    tensorflow.list_local_devices = lambda config: (_ for _ in ()).throw(RuntimeError("it is full"))
    assert [device.get("memory") for device in describe_hardware()["devices"][1:]] == [None, None]


def test_where_there_is_no_gpu_hardware_says_what_to_install(machine):
    machine()
    found = describe_hardware()
    assert found["devices"] == [{"name": "CPU:0", "kind": "CPU"}]
    assert "pip install 'tensorflow[and-cuda]'" in found["hint"]


def test_where_there_is_no_tensorflow_hardware_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = facegen("info", "--hardware")
    assert done.exit_code == 0
    assert "tensorflow: none" in done.stdout.splitlines()
    assert "pip install 'facegen[train]'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'FILE'."),
        (("x", "--hardware"), "Choose one of FILE and --hardware."),
    ],
)
def test_info_is_of_a_file_or_of_the_hardware(arguments: tuple[str, ...], message: str):
    done = facegen("info", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_limit_of_memory_holds_for_every_gpu_that_is_visible_to_the_replicas(machine):
    tensorflow = machine("GPU:0", "GPU:1", "GPU:2")
    limit_hardware(gpu_memory=500, replicas=2)
    assert tensorflow.limits == {"GPU:0": [500], "GPU:1": [500]}


def test_all_gpus_can_be_hidden(machine):
    tensorflow = machine("GPU:0", "GPU:1")
    limit_hardware(cpu_only=True)
    assert tensorflow.visible == []
    assert tensorflow.limits == {}


def test_a_limit_of_memory_without_a_gpu_is_refused(machine):
    machine()
    with pytest.raises(InputError, match="TensorFlow finds no GPU here"):
        limit_hardware(gpu_memory=500)


@pytest.mark.parametrize(
    ("text", "computes"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512_bf16 sse\n\n", True),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16\n", True),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", True),
        ("processor\t: 0\nmodel name\t: bf16\nflags\t\t: fpu avx512f sse\n", False),
        ("processor\t: 0\n", None),
    ],
)
def test_a_processor_says_whether_it_multiplies_bfloat16(
    text: str, computes: bool | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "read_text", lambda path, **how: text)
    assert computes_bfloat16() is computes


def test_bfloat16_is_refused_where_nothing_multiplies_it(machine, monkeypatch: pytest.MonkeyPatch):
    machine("GPU:0")
    monkeypatch.setattr("facegen.model.devices.computes_bfloat16", lambda: False)
    check_precision("bfloat16")
    machine()
    check_precision("float32")
    with pytest.raises(InputError, match="neither AVX512-BF16 nor AMX, and there is no GPU; leave"):
        check_precision("bfloat16")
    monkeypatch.setattr("facegen.model.devices.computes_bfloat16", lambda: None)
    check_precision("bfloat16")
