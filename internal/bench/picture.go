package bench

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image/png"
	"math"

	"granary/internal/vision/synth"
)

// scene draws a photo-like picture: seeds on uneven ground under a noisy
// sensor, which makes it as large a file as a photograph.
func scene(width, height int, noise float64) *synth.Picture {
	return synth.Render(synth.Scene{
		Width: width, Height: height, Count: 30, Scale: 20, Gradient: 0.2, Noise: noise, Shadow: 0.2, Touching: 4, Debris: 10, Seed: 1,
	})
}

func encodePNG(picture *synth.Picture) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&buffer, picture.Image); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return buffer.Bytes(), nil
}

// largePNG returns a file of at least size bytes, and not much more.
func largePNG(size int) (file []byte, width, height int, err error) {
	// Three bytes per pixel of noise hardly shrink; a first try tells by how much.
	width, height = 1000, 750
	for range 4 {
		file, err = encodePNG(scene(width, height, 12))
		if err != nil || len(file) >= size && len(file) < size+size/10 {
			return file, width, height, err
		}
		grow := math.Sqrt(1.04 * float64(size) / float64(len(file)))
		width, height = int(float64(width)*grow), int(float64(height)*grow)
	}
	return file, width, height, nil
}

// variant returns the same picture as another file: a text chunk with the
// number before the last chunk (PNG specification, section 11.3.3.3).
func variant(file []byte, number int) []byte {
	const last = 12 // length, type and checksum of IEND
	body := fmt.Appendf([]byte("tEXt"), "Comment\x00bench %d", number)
	at := len(file) - last
	out := make([]byte, 0, len(file)+len(body)+8)
	out = append(out, file[:at]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)-4))
	out = append(out, body...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	return append(out, file[at:]...)
}

// dataURL returns a PNG file as clients send it.
func dataURL(file []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(file)
}

// classifyBody is a request to /inf.
func classifyBody(user, folder, pipeline string, file []byte, width, height int) ([]byte, error) {
	return json.Marshal(map[string]any{
		"model_name": pipeline, "image": dataURL(file), "imageDims": []int{width, height},
		"folder_name": folder, "container_name": user,
	})
}
