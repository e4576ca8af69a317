"""The annotations that front ends read."""

import unittest

from granary_worker.regions import adjust, b36, crop


class Picture:
    id = "0001.jpg"


class Boxes(unittest.TestCase):
    def test_b36(self):
        for box, want in (((866 / 1912, 422 / 2500, 429 / 1912, 626 / 2500), "gb638390"), ((0.1, 0.1, 0.5, 0.5), "3m3mi0i0"), ((0, 0, 1, 1), "0000zzzz"), ((-1, 2, 0, 0), "00zz0000")):
            self.assertEqual(b36(*box), want)

    def test_crop(self):
        self.assertEqual(crop(Picture, 1912, 2500, (866.4, 422, 1295.9, 1048), 0.80009), {
            "bbox": "gb638390", "crop_id": "0001.jpg-gb638390", "source": "0001.jpg", "confidence": 0.8001,
            "absolute": {"x1": 866, "y1": 422, "x2": 1295, "y2": 1048, "width": 429, "height": 626},
            "relative": {"x1": 0.4529, "y1": 0.1688, "x2": 0.6773, "y2": 0.4192, "width": 0.2244, "height": 0.2504}})

    def test_postprocess(self):
        for option, want in (
            (None, (10, 20, 50, 40)), ("", (10, 20, 50, 40)), ({}, (10, 20, 50, 40)),
            ({"squarify": True}, (10, 10, 50, 50)),
            ({"h_margin": 0.5, "v_margin": 0.1}, (0, 18, 70, 42)),
            ("watermarks", (8, 8, 52, 52)),
            ({"h_margin": 7}, (0, 20, 90, 40)),
        ):
            with self.subTest(option):
                self.assertEqual(adjust((10, 20, 50, 40), 100, 60, option), want)


if __name__ == "__main__":
    unittest.main()
