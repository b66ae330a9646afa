"""Mistakes that type checkers are to find: each line says with which complaint; one that is not found is an error."""

import cygrad as torch
import cygrad.nn as nn
import cygrad.nn.functional as F

x = torch.ones(2)
torch.expp(x)  # type: ignore[attr-defined]
x.expp()  # type: ignore[attr-defined]
torch.zeros(2, dtpye=torch.float32)  # type: ignore[call-arg]
nn.Linear(4, 8, bais=False)  # type: ignore[call-arg]
nn.Linaer(4, 8)  # type: ignore[attr-defined]
F.reluu(x)  # type: ignore[attr-defined]
F.relu("x")  # type: ignore[arg-type]
torch.exp("x")  # type: ignore[arg-type]
torch.zeros(2, dtype="float32")  # type: ignore[arg-type]
x.sum(keepdim="yes")  # type: ignore[arg-type]
torch.optim.Adam(x, learning_rate=1)  # type: ignore[call-arg]
number: int = torch.ones(2)  # type: ignore[assignment]
torch.matmul(x)  # type: ignore[call-arg]
