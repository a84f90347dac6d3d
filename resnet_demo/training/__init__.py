"""How it learns. Read `trainer` first: the loop, a generator of events. Then what it calls: `optimizer`, `ema`,
`evaluation`, `device`; then how it begins (`whitening`, `first_weights`), goes on (`resume_state`) and is shared among
processes (`distributed`). `place` says where it can be.
"""
