"""Images at a standard size: the same whatever the size, place and grid symmetry of what they show."""

import math

import numpy as np
import pytest
import torch

from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.layers.canonical import CanonicalScale2d
from models.networks.build import build_network
from models.networks.matching import matched_config
from models.networks.standardise import standardise
from models.waves import band_limited, disc_window
from tests.models.promises import assert_keeps_promises

SIDE = 28
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-10}


def objects(factor, *, channels=1, ground=0.0, shift=(0.0, 0.0), seed=0, band=math.pi / 4):
    """Objects that end within the frame, enlarged by a factor and known everywhere: (8, channels, SIDE, SIDE)."""
    waves = band_limited(np.random.default_rng(seed), 8, channels, band)
    inverse = np.eye(2) / factor
    image = waves.image(SIDE, SIDE, inverse) * disc_window(SIDE, SIDE, 9.0, inverse)
    return torch.from_numpy(np.roll(image, shift, (-2, -1)) + ground)


def relative(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("ground", [0.0, 3.0])
@pytest.mark.parametrize("factor", [2**-0.5, 2**-0.25, 2**0.25, 1.4])
def test_the_image_at_its_standard_size_does_not_hang_on_its_size(factor, ground):
    layer = CanonicalScale2d(SIDE, SIDE).double()
    plain, enlarged = (layer(objects(s, ground=ground)) - ground for s in (1.0, factor))
    assert relative(enlarged, plain) < 0.03
    assert relative(objects(factor), objects(1.0)) > 0.3


def test_the_image_comes_to_its_standard_place():
    layer = CanonicalScale2d(SIDE, SIDE).double()
    assert relative(layer(objects(0.7, shift=(3, -2))), layer(objects(0.7))) < 1e-5


@pytest.mark.parametrize("shape", [(9, 9), (16, 16)], ids=str)
def test_symmetries_of_the_grid_move_the_answer(shape, precision):
    layer, x = CanonicalScale2d(*shape).to(precision), torch.randn(4, 2, *shape, dtype=precision)
    y = layer(x)
    for moved in (lambda x: x.rot90(1, (-2, -1)), lambda x: x.flip(-1), lambda x: x.flip(-2)):
        assert float((layer(moved(x)) - moved(y)).abs().max()) < TOLERANCE[precision] * float(y.abs().max())


def test_a_blank_image_stays_blank():
    layer = CanonicalScale2d(7, 9)
    assert torch.allclose(layer(torch.full((2, 3, 7, 9), 2.5)), torch.full((2, 3, 7, 9), 2.5))


def test_the_standard_radius_is_the_mean_of_the_samples():
    layer = CanonicalScale2d(SIDE, SIDE).double()
    x = torch.cat([objects(0.7), objects(1.0), objects(1.0 / 0.7)])
    layer.fit(x)
    radii = layer.measure(x)[0].flatten()
    assert float(layer.radius) == pytest.approx(float(radii.log().mean().exp()))
    assert torch.allclose(radii[:8] / radii[8:16], torch.tensor(0.7, dtype=torch.float64), rtol=0.02)


def test_the_layer_keeps_its_promises():
    assert_keeps_promises(CanonicalScale2d(9, 12), torch.randn(3, 2, 9, 12, dtype=torch.float64))


@pytest.mark.parametrize("name", ["Scale", "SIM(2)"])
def test_untrained_networks_hardly_notice_a_change_of_scale(name):
    """By less than a quarter of what the ordinary network notices, at the same parameters."""
    common = {"domain": "image2d", "translations": True}
    moved = {}
    for of in ("T", name):
        spec = {**common, **acting_group((0, 1), []).spec()}
        if of != "T":
            spec = {**common, "kind": "family", "family": of, "labels": "trivial"}
        config = matched_config(spec, (1, SIDE, SIDE), 5, 16)
        torch.manual_seed(0)
        network = build_network(config)
        samples = torch.cat([objects(s, seed=k) for k, s in enumerate((0.7, 0.85, 1.0, 1.2, 1.4))]).float()
        with torch.no_grad():
            standardise(network, samples, spec)
            for _ in range(20):
                network(samples)
            network.eval()
            plain, enlarged = (network(objects(s, seed=9).float()) for s in (1.0, 2**0.25))
            moved[of] = float((enlarged - plain).norm() / (plain - network(torch.zeros(1, 1, SIDE, SIDE))).norm())
    assert moved[name] < 0.25 * moved["T"]


def test_right_angles_stay_exact_through_sim2():
    acting = acting_group((0, 1), planar_generators("C4"))
    assert acting.group.order == 4
    spec = {"domain": "image2d", "translations": True, "kind": "family", "family": "SIM(2)", "labels": "trivial"}
    network = build_network(matched_config(spec, (1, SIDE, SIDE), 5, 16)).double().eval()
    x = objects(1.2, shift=(2, 1))
    with torch.no_grad():
        assert torch.allclose(network(x.rot90(1, (-2, -1))), network(x), atol=1e-10)
