package app

import (
	"os"
	"runtime/debug"
)

const (
	// memoryBase is what a server may need besides request bodies and what is
	// made of them: programs, caches, one large picture being decoded.
	memoryBase = 172 << 20
	// collectAt is how far the heap may grow over what is in use, in percent,
	// before garbage is collected. A request for a picture leaves megabytes of
	// garbage while little is in use; at Go's 100 a sixth of the processor time
	// of /inf went into collecting it every other request.
	collectAt = 300
)

// limitMemory makes the collector lazy while memory is plenty, and eager as it
// nears what the server is meant to need at the most: with 16 uploads of 10 MB
// that is the difference between 0.3 and 0.7 GB. It is a goal and no bound:
// what is in use stays in use. The operator's GOGC and GOMEMLIMIT win.
func limitMemory(bodyBudget int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBase + 2*bodyBudget)
	}
}
