// Package layouttest draws pages with known figures and judges what was found
// on them: one to three columns of printed text with headings, rules and
// captions, and line drawings, engravings, halftones and photographs among
// them; then the page is turned, stained, blurred, made noisy and compressed
// as scans are.
package layouttest
