"""What is asked of ``apply --approve`` before anything is done: that it means what is held now. Decides and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.commands.report import Words
from beklijf.model.errors import Held, Problem

if TYPE_CHECKING:
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan


def demand_held(plan: Plan, approve: str, config: Config) -> tuple[Problem, ...]:
    """Approve only what is held now, all of it or one hold: what somebody read yesterday may be something else by today.

    Raises Held when something else is; where nothing is, returns a warning.
    """
    if plan.held and approve not in plan.approvable:
        words = Words.of(config, plan.now)
        reasons = dict.fromkeys(f"{words.training(held.change.training)}: {held.reason}" for held in plan.held)
        raise Held(
            f"{approve} is not what is held now, so nothing was done; held is {plan.id}: {'; '.join(reasons)}",
            hint=f"read it with beklijf plan, then: beklijf apply --approve {plan.id}",
        )
    return () if plan.held else (Problem(what="nothing is held, so there was nothing to approve", warning=True),)
