// Package python holds the Python kit for workers. There is no Go in it but
// the test that runs the kit's own tests, and the kit under the real host.
package python
