"""Deep Q-learning on a hand-made game: walk a ring to the goal before the time is up."""

import math
import random
from collections import deque, namedtuple
from itertools import count

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Ring:
    """Ten places in a ring; actions go left or right; the goal is place 0."""

    def __init__(self):
        self.rng = random.Random(4)

    def observe(self):
        angle = 2 * math.pi * self.place / 10
        return [math.cos(angle), math.sin(angle), self.time / 12]

    def reset(self):
        self.place, self.time = self.rng.randrange(2, 9), 0
        return self.observe()

    def step(self, action):
        self.place = (self.place + (1 if action else -1)) % 10
        self.time += 1
        reached = self.place == 0
        return self.observe(), 1.0 if reached else -0.05, reached, self.time >= 12


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1 = nn.Linear(n_observations, 32)
        self.layer2 = nn.Linear(32, 32)
        self.layer3 = nn.Linear(32, n_actions)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)


BATCH_SIZE, GAMMA, TAU = 32, 0.95, 0.01
EPS_START, EPS_END, EPS_DECAY = 0.9, 0.05, 300
random.seed(0)
torch.manual_seed(0)
device = torch.device("cpu")
env = Ring()
policy_net = DQN(3, 2).to(device)
target_net = DQN(3, 2).to(device)
print(target_net.load_state_dict(policy_net.state_dict()))
optimizer = optim.AdamW(policy_net.parameters(), lr=3e-3, amsgrad=True)
memory = ReplayMemory(1000)
steps_done = 0
first_losses = []


def select_action(state):
    global steps_done
    sample = random.random()
    eps = EPS_END + (EPS_START - EPS_END) * math.exp(-1.0 * steps_done / EPS_DECAY)
    steps_done += 1
    if sample > eps:
        with torch.no_grad():
            return policy_net(state).max(1).indices.view(1, 1)
    return torch.tensor([[random.randrange(2)]], device=device, dtype=torch.long)


def optimize_model():
    if len(memory) < BATCH_SIZE:
        return
    batch = Transition(*zip(*memory.sample(BATCH_SIZE)))
    non_final_mask = torch.tensor(
        tuple(map(lambda s: s is not None, batch.next_state)), device=device, dtype=torch.bool
    )
    non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
    state_batch = torch.cat(batch.state)
    action_batch = torch.cat(batch.action)
    reward_batch = torch.cat(batch.reward)
    state_action_values = policy_net(state_batch).gather(1, action_batch)
    next_state_values = torch.zeros(BATCH_SIZE, device=device)
    with torch.no_grad():
        next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
    expected = (next_state_values * GAMMA) + reward_batch
    loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
    if len(first_losses) < 4:
        first_losses.append(round(loss.item(), 4))


reached = []
for episode in range(120):
    state = torch.tensor(env.reset(), dtype=torch.float32, device=device).unsqueeze(0)
    for t in count():
        action = select_action(state)
        observation, reward, terminated, truncated = env.step(action.item())
        reward = torch.tensor([reward], device=device)
        next_state = (
            None if terminated else torch.tensor(observation, dtype=torch.float32).unsqueeze(0)
        )
        memory.push(state, action, next_state, reward)
        state = next_state
        optimize_model()
        target_dict, policy_dict = target_net.state_dict(), policy_net.state_dict()
        for key in policy_dict:
            target_dict[key] = policy_dict[key] * TAU + target_dict[key] * (1 - TAU)
        target_net.load_state_dict(target_dict)
        if terminated or truncated:
            reached.append(terminated)
            break
print("first losses:", first_losses)
print("reached the goal in the last 40 games more than 35 times:", sum(reached[-40:]) > 35)
policy_net.eval()
with torch.no_grad():
    for place in (2, 8):
        angle = 2 * math.pi * place / 10
        q = policy_net(torch.tensor([[math.cos(angle), math.sin(angle), 0.0]]))
        print(place, "right" if q.argmax().item() else "left")
