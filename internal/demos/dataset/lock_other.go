//go:build !unix

package dataset

import "os"

// tryLock always succeeds: without such locks one data folder serves one
// process.
func tryLock(*os.File) (bool, error) { return true, nil }
