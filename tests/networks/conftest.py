"""Let pytest show the values in the battery's assertions."""

import pytest

pytest.register_assert_rewrite("battery")
