"""Write the reader, the writer, the limits and the JSON Schema of the IR: `make generate`.

PYTHONPATH=tests python -m tools.ir_shape
"""

from __future__ import annotations

from tools.ir_shape.generate import DIRECTORY, generated

for name, text in generated().items():
    (DIRECTORY / name).write_text(text, "utf-8")
    print(f"wrote {DIRECTORY / name}")
