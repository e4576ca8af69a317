package nachet

import (
	"io"
	"strings"
	"testing"
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
	listings := manyFolders(1000, 100)
	list := folderList{listings: listings}
	for b.Loop() {
		if err := list.writeTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPackedList compresses 1,000 folders of 100 pictures, each for the
// first time or from memory.
func BenchmarkPackedList(b *testing.B) {
	listings := manyFolders(1000, 100)
	for _, coding := range []string{"gzip", "zstd"} {
		b.Run(coding+"/new", func(b *testing.B) {
			for b.Loop() {
				list := packedList{folderList{listings: listings}, coding, newPackedFolders()}
				if err := list.writeTo(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(coding+"/known", func(b *testing.B) {
			list := packedList{folderList{listings: listings}, coding, newPackedFolders()}
			for b.Loop() {
				if err := list.writeTo(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
