package ui_test

import (
	"os"
	"testing"

	"granary/internal/console/ui/uitest"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	uitest.CheckMessages(t, os.DirFS("."), ".")
}

func TestMarkup(t *testing.T) {
	t.Parallel()
	uitest.CheckMarkup(t, os.DirFS("."))
}
