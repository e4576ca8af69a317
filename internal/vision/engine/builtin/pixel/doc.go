// Package pixel reads the pixels of any image type fast and turns them into CIE
// Lab, where distances are about what an eye sees. The detector and the
// classifier share it, so that both see the same colours.
package pixel
