// Command configdoc writes the configuration reference to the file named by
// its argument. It is run by go generate and is no part of the product.
package main

import (
	"fmt"
	"os"

	"granary/internal/platform/config"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file name, got %d arguments", len(args))
	}
	page, err := os.Create(args[0])
	if err != nil {
		return err
	}
	if err := config.WriteReference(page); err != nil {
		return err
	}
	return page.Close()
}
