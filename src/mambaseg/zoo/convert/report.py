"""What became of each weight in a conversion."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConversionReport"]


@dataclass(frozen=True)
class ConversionReport:
    """Account of a foreign checkpoint's conversion.

    Parameters
    ----------
    matched : dict of str to str
        Our key for each foreign key that was taken over.
    dropped : dict of str to str
        Why each other foreign key was left out.
    untrained : tuple of str
        Our keys that no foreign key fills; they keep their initial values.
    """

    matched: dict[str, str]
    dropped: dict[str, str]
    untrained: tuple[str, ...]

    def __str__(self) -> str:
        """Give a short text for the shell."""
        lines = [f"matched {len(self.matched)} weights"]
        reasons: dict[str, list[str]] = {}
        for key, why in self.dropped.items():
            reasons.setdefault(why, []).append(key)
        for why, keys in reasons.items():
            shown = ", ".join(keys[:4]) + (", ..." if len(keys) > 4 else "")
            lines.append(f"dropped {len(keys)}: {why} ({shown})")
        if self.untrained:
            shown = ", ".join(self.untrained[:4]) + (", ..." if len(self.untrained) > 4 else "")
            lines.append(
                f"left at initial values {len(self.untrained)}: the checkpoint holds none for "
                f"{', '.join(self.untrained_parts)} ({shown})"
            )
        return "\n".join(lines)

    @property
    def untrained_parts(self) -> tuple[str, ...]:
        """The modules that hold initial values, without their numbers; counters left out."""
        paths = (
            [word for word in name.split(".")[:-1] if not word.isdecimal()]
            for name in self.untrained
            if not name.endswith("num_batches_tracked")
        )
        return tuple(dict.fromkeys(".".join(path[:2]) for path in paths))
