// What the page does beyond reading and printing: hover, sorting, CSV, sliders.
