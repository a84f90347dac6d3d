"""How it learns. Read `trainer` first: the loop, a generator of events. Then what it calls: `training_data`,
`optimizer`, `ema`, `evaluation`, `device`; then how it begins (`whitening`, `first_weights`), goes on (`trainer_state`,
`resume_state`) and is shared among processes (`distributed`). `place` says where it can be.
"""
