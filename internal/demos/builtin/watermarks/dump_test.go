package watermarks_test

import (
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"testing"
)

func TestADump(t *testing.T) {
	os.MkdirAll("/tmp/S/dbg", 0o755)
	tr := tracings(t, 20)
	for _, seed := range []uint64{5, 7, 14, 16, 3} {
		g, _ := newMark(seed).sheet(520, 600, photo{seed: seed + 50, light: 26, grain: 7, at: image.Rect(150, 160, 400, 410), lines: true})
		f, _ := os.Create(fmt.Sprintf("/tmp/S/dbg/q%d", seed))
		jpeg.Encode(f, g.Image(), &jpeg.Options{Quality: 70})
		f.Close()
		os.WriteFile(fmt.Sprintf("/tmp/S/dbg/s%d", seed), tr[fmt.Sprintf("repertory/%02d.png", seed)].Data, 0o644)
	}
}
