package app

import (
	"os"
	"runtime/debug"
)

// memoryBase is what a server may need besides request bodies and what is
// made of them: programs, caches, one large picture being decoded.
const memoryBase = 172 << 20

// limitMemory makes the collector work harder as memory nears what the server
// is meant to need at the most, instead of letting garbage pile up to the size
// of what is in use: with 16 uploads of 10 MB that is the difference between
// 0.3 and 0.7 GB. It is a goal and no bound: what is in use stays in use. The
// operator's GOMEMLIMIT wins.
func limitMemory(bodyBudget int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBase + 2*bodyBudget)
	}
}
