package nachet

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"granary/internal/vision"
)

// BenchmarkDecodeBody takes a picture of a megabyte out of a request.
func BenchmarkDecodeBody(b *testing.B) {
	body := []byte(`{"model_name":"m","imageDims":[640,560],"folder_name":"General","container_name":"u","image":"data:image/png;base64,` +
		strings.Repeat("QUJD", 1<<18) + `"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var args classifyArgs
		in := request{body: body}
		if err := in.decode(&args, &args.Image); err != nil {
			b.Fatal(err)
		}
		if len(args.Image.text) < 1<<20 {
			b.Fatalf("image has %d bytes, want over a megabyte", len(args.Image.text))
		}
	}
}

// BenchmarkFolderList writes 1,000 folders of 100 pictures.
func BenchmarkFolderList(b *testing.B) {
	listings := make([]vision.Listing, 1000)
	for i := range listings {
		listings[i].ID, listings[i].Name = fmt.Sprintf("01990000-0000-7000-8000-%012x", i), fmt.Sprintf("trial-%d", i)
		for j := range 100 {
			listings[i].Pictures = append(listings[i].Pictures, vision.PictureLine{
				ID: fmt.Sprintf("01990001-0000-7000-8000-%06x%06x", i, j), Inferred: j%2 == 0,
			})
		}
	}
	list := folderList{listings: listings}
	for b.Loop() {
		if err := list.writeTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
