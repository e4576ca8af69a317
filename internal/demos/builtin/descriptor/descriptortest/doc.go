// Package descriptortest draws textured pictures and copies of them that are
// turned, cropped, scaled, recoloured or recompressed, so that tests know
// which picture is like which. A seed gives the same picture every time.
package descriptortest
