"""What test harnesses need: targets and channels in memory, a clock that stands still, and real servers on loopback."""
