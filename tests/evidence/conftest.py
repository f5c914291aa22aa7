"""A search inside one process."""

import numpy as np
import pytest

from models.groups.scout import plan_found, plan_or_scout
from workers.ranking import rank_search
from workers.training import run_trial


@pytest.fixture
def search(tmp_path):
    """search(x, y, candidates, ...) -> (ranking, plan): every trial and the ranking, in this process."""

    def run(
        x,
        y,
        candidates,
        *,
        task="classification",
        groups=None,
        split=None,
        epochs=12,
        only=None,
        folds=2,
        **more,
    ):
        number = len(list(tmp_path.iterdir()))
        here = tmp_path / str(number)
        here.mkdir()
        arrays = {"x": x, "y": y, "groups": groups, "split": split}
        paths = {}
        for name, value in arrays.items():
            paths[name] = None if value is None else str(here / f"{name}.npy")
            if value is not None:
                np.save(here / f"{name}.npy", value)
        domain = "vector" if x.ndim == 2 else "image2d"
        classes = int(y.max()) + 1 if task == "classification" else None
        target_dim = None if classes else int(np.reshape(y, (len(y), -1)).shape[1])
        facts = {
            "domain": domain,
            "x_shape": list(x.shape[1:]),
            "task": task,
            "target_dim": target_dim,
            "classes": classes,
        }
        plan = plan_or_scout(candidates, **facts, include_subgroups=True, max_candidates=64)
        request = {"folds": folds, "seeds": 1, "seed": 0, "tolerance": 0.05,
                   "budget": {"max_seconds": 3000, "max_epochs": epochs}, "weights": {}, **more}  # fmt: skip
        trials = []

        def trial(position):
            out = here / f"trial{len(list(here.iterdir()))}"
            out.mkdir()
            job = {"dataset": {**paths, **facts, "n": len(x)}, "plan": plan, "request": request, "position": position,
                   "threads": 1, "device": "cpu", "done": trials}  # fmt: skip
            seen = []
            metrics = run_trial(job, out, lambda fraction, message, seen=seen: seen.append(fraction))
            assert seen == sorted(seen)
            assert seen[-1] == 1.0
            files = {f.name: str(f) for f in out.iterdir()}
            return {"position": position, "state": "done", "metrics": metrics, "error": None, "arrays": files}

        if "scout" in plan:
            plan = plan_found(plan["scout"], trial(0)["metrics"]["label_actions"])
        for position in range(len(plan["nodes"])) if only is None else only:
            trials.append(trial(position))
        return rank_search({"plan": plan, "request": request, "trials": trials}), plan, trials

    return run
