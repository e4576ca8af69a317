package sample

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/png"
)

// Picture is one PNG file of a document.
type Picture struct {
	Name string
	PNG  []byte
}

func encode(name string, pixels image.Image) (Picture, error) {
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, pixels); err != nil {
		return Picture{}, fmt.Errorf("write sample %s: %w", name, err)
	}
	return Picture{name, file.Bytes()}, nil
}

// Zip packs pictures as a document of type zip.
func Zip(pictures []Picture) ([]byte, error) {
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	for _, picture := range pictures {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: picture.Name, Method: zip.Store})
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", picture.Name, err)
		}
		if _, err := entry.Write(picture.PNG); err != nil {
			return nil, fmt.Errorf("pack %s: %w", picture.Name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack samples: %w", err)
	}
	return file.Bytes(), nil
}
