"""skorch: fitting, predicting, pickling, grid search (also in other processes), pipelines, callbacks."""

import os
import pickle
import tempfile

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, LRScheduler
from torch import nn

X, y = make_classification(200, 20, n_informative=10, random_state=0)
X, y = X.astype(np.float32), y.astype(np.int64)


class Net(nn.Module):
    def __init__(self, num_units=10, nonlin=torch.relu):
        super().__init__()
        self.hidden = nn.Linear(20, num_units)
        self.nonlin = nonlin
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(num_units, 2)

    def forward(self, X):
        return torch.softmax(self.output(self.dropout(self.nonlin(self.hidden(X)))), dim=-1)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Net, max_epochs=5, lr=0.1, iterator_train__shuffle=True, verbose=0,
        callbacks=[EarlyStopping(patience=10), LRScheduler(policy="StepLR", step_size=2)],
    )  # fmt: skip
    net.fit(X, y)
    for row in net.history:
        print(f"{row['train_loss']:.4f} {row['valid_loss']:.4f} {row['valid_acc']:.4f} {row['event_lr']:.4f}")
    print(net.predict(X[:5]), net.predict_proba(X[:2]).round(4))
    print(net)

    again = pickle.loads(pickle.dumps(net))
    print((again.predict_proba(X) == net.predict_proba(X)).all())
    with tempfile.TemporaryDirectory() as folder:
        files = {f"f_{name}": os.path.join(folder, name) for name in ("params", "optimizer", "history")}
        net.save_params(**files)
        other = NeuralNetClassifier(Net).initialize()
        other.load_params(**files)
        print((other.predict_proba(X) == net.predict_proba(X)).all(), len(other.history))

    plain = NeuralNetClassifier(Net, max_epochs=3, lr=0.1, verbose=0, train_split=False)
    for n_jobs in (None, 2):
        torch.manual_seed(1)
        grid = {"lr": [0.01, 0.1], "module__num_units": [5, 10]}
        search = GridSearchCV(plain, grid, cv=2, scoring="accuracy", refit=False, n_jobs=n_jobs)
        search.fit(X, y)
        if n_jobs is None:
            print(search.best_params_, round(search.best_score_, 4))
        print(len(search.cv_results_["params"]), np.isfinite(search.cv_results_["mean_test_score"]).all())

    torch.manual_seed(2)
    pipe = Pipeline([("scale", StandardScaler()), ("net", NeuralNetClassifier(Net, max_epochs=2, verbose=0))])
    print(pipe.fit(X, y).predict_proba(X[:2]).round(4))

    torch.manual_seed(3)
    regressor = NeuralNetRegressor(
        nn.Sequential(nn.Linear(20, 4), nn.ReLU(), nn.Linear(4, 1)), max_epochs=3, verbose=0,
        optimizer=torch.optim.Adam,
    )  # fmt: skip
    print(regressor.fit(X, y.astype(np.float32)[:, None]).predict(X[:2]).round(4))
