"""Sine waves continued by two LSTM cells, trained with LBFGS in double precision."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

np.random.seed(2)
T, L, N = 8, 40, 12
x = np.empty((N, L), "int64")
x[:] = np.array(range(L)) + np.random.randint(-4 * T, 4 * T, N).reshape(N, 1)
data = np.sin(x / 1.0 / T).astype("float64")


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 12)
        self.lstm2 = nn.LSTMCell(12, 12)
        self.linear = nn.Linear(12, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 12, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 12, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 12, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


torch.manual_seed(0)
input = torch.from_numpy(data[3:, :-1])
target = torch.from_numpy(data[3:, 1:])
test_input = torch.from_numpy(data[:3, :-1])
test_target = torch.from_numpy(data[:3, 1:])
print(input.dtype, input.shape, input.is_contiguous())
seq = Sequence()
seq.double()
print(seq)
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.8, max_iter=6)
calls = []
for step in range(4):

    def closure():
        optimizer.zero_grad()
        out = seq(input)
        loss = criterion(out, target)
        calls.append(loss.item())
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        future = 10
        pred = seq(test_input, future=future)
        loss = criterion(pred[:, :-future], test_target)
        y = pred.detach().numpy()
    print("STEP:", step, "test loss: %.6f" % loss.item(), y.shape, y.dtype)
print(" ".join("%.6f" % c for c in calls[:8]), len(calls))

# The same fitted with a strong Wolfe search, and with Adam under a plateau schedule.
torch.manual_seed(1)
w = torch.zeros(3, dtype=torch.double, requires_grad=True)
t = torch.linspace(-1, 1, 20, dtype=torch.double)
wave = torch.sin(3 * t)


def fit():
    lbfgs.zero_grad()
    loss = ((w[0] * t + w[1] * t**3 + w[2] * t**5 - wave) ** 2).sum()
    loss.backward()
    return loss


lbfgs = optim.LBFGS([w], history_size=10, line_search_fn="strong_wolfe")
print("%.6f" % lbfgs.step(fit).item(), w)
print(lbfgs.state_dict()["state"][0]["func_evals"] > 3)
w.data.zero_()
adam = optim.Adam([w], lr=0.5)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(adam, patience=2, factor=0.5)
for _ in range(30):
    loss = fit()
    adam.step()
    adam.zero_grad()
    scheduler.step(loss)
print("%.5f" % loss.item(), scheduler.get_last_lr())
