package bench

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"granary/internal/demos/dataset"
	"granary/internal/platform/fetch"
)

// pictureSize is that of each picture in the archive, in bytes.
const pictureSize = 2_000_000

// Documents measures what a large archive of pictures costs: its download
// with unpacking, and giving it away again as a stream. The archive has so
// many bytes and comes over HTTP from this process, which makes it as it goes.
func Documents(ctx context.Context, folder string, rounds int, size int64) (section Section, err error) {
	section.Title = fmt.Sprintf("data set of one zip with %d MB", size/1_000_000)
	body, err := paddedPicture()
	if err != nil {
		return section, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return section, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if writeArchive(w, body, int(size/pictureSize)) != nil {
			panic(http.ErrAbortHandler) // the client must not take it for whole
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		err = errors.Join(err, server.Close())
		if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
			err = errors.Join(err, stopped)
		}
	}()
	document := dataset.Document{Type: dataset.TypeZip, UID: "bench", Src: "http://" + listener.Addr().String() + "/set.zip"}
	var in, out, peak []float64
	for round := range rounds {
		data := filepath.Join(folder, fmt.Sprintf("documents%d", round))
		prepare, stream, most, err := documentRound(ctx, data, document)
		if err != nil {
			return section, err
		}
		megabytes := float64(size) / 1e6
		in, out, peak = append(in, megabytes/prepare.Seconds()), append(out, megabytes/stream.Seconds()), append(peak, most)
		if err := os.RemoveAll(data); err != nil {
			return section, err
		}
	}
	section.add("downloaded, unpacked and synced", "MB/s", in...)
	section.add("streamed as a zip", "MB/s", out...)
	section.add("most resident memory meanwhile, of the whole program", "MB", peak...).atMost(100)
	return section, nil
}

// documentRound takes the archive in and gives it away once.
func documentRound(ctx context.Context, data string, document dataset.Document) (prepare, stream time.Duration, peak float64, err error) {
	library, err := dataset.Open(dataset.Config{Folder: data, Fetch: fetch.New(fetch.Config{})})
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, library.Close()) }()
	// 5 sets the peak back to what is resident now (proc(5), clear_refs).
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return 0, 0, 0, err
	}
	begin := time.Now()
	folder, err := library.Prepare(ctx, document, nil)
	if err != nil {
		return 0, 0, 0, err
	}
	prepare = time.Since(begin)
	begin = time.Now()
	if err := folder.WriteZip(ctx, io.Discard); err != nil {
		return 0, 0, 0, err
	}
	stream = time.Since(begin)
	_, peak, err = resident(os.Getpid())
	return prepare, stream, peak, err
}

// paddedPicture returns a JPEG followed by bytes that do not compress, as long
// as a scan.
func paddedPicture() ([]byte, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 2000, 3000)), nil); err != nil {
		return nil, err
	}
	padding := make([]byte, pictureSize-out.Len())
	if _, err := rand.Read(padding); err != nil {
		return nil, err
	}
	return append(out.Bytes(), padding...), nil
}

// writeArchive writes a zip with the picture so many times.
func writeArchive(w io.Writer, body []byte, pictures int) error {
	archive := zip.NewWriter(w)
	for i := range pictures {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("page%05d.jpg", i), Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := entry.Write(body); err != nil {
			return err
		}
	}
	return archive.Close()
}
