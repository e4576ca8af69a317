package pages_test

import (
	"os"
	"testing"

	"granary/internal/console/ui/uitest"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	uitest.CheckMessages(t, os.DirFS("."), ".", os.DirFS("../../console/ui"), os.DirFS("../../console"))
}

func TestMarkup(t *testing.T) {
	t.Parallel()
	uitest.CheckMarkup(t, os.DirFS("."))
}
