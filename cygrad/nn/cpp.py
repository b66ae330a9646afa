"""torch.nn.cpp: modules written in C++, which cygrad does not have."""

from .._standins import stand_in

_WHY = "there are no modules written in C++"
ModuleWrapper = stand_in("nn.cpp.ModuleWrapper()", _WHY)
OrderedDictWrapper = stand_in("nn.cpp.OrderedDictWrapper()", _WHY)
