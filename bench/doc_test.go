// Package bench_test holds the benchmarks of hot paths that cross packages;
// those of one package are beside it. See README.md.
package bench_test
